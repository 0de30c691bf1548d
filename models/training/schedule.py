"""Optimisers and learning rates of a recipe."""
import functools
import math

import torch


def make_optimizer(recipe, parameters):
    """The recipe's optimiser over the parameters that learn."""
    settings = recipe.optimizer
    learning = [parameter for parameter in parameters if parameter.requires_grad]
    common = {'lr': settings.learning_rate, 'weight_decay': settings.weight_decay}
    if settings.name == 'sgd':
        return torch.optim.SGD(learning, momentum=settings.momentum, nesterov=settings.nesterov, **common)
    return {'adamw': torch.optim.AdamW, 'adam': torch.optim.Adam}[settings.name](learning, **common)


def make_schedule(recipe, optimizer, steps, epoch_steps):
    """The recipe's learning rate as a scheduler that is told of every step.

    Args:
        recipe (Recipe): schedule.
        optimizer (torch.optim.Optimizer): whose rate it sets.
        steps, epoch_steps (int): of the whole training and of one round through the samples.
    """
    return torch.optim.lr_scheduler.LambdaLR(
        optimizer, functools.partial(factor, recipe.schedule, steps=steps, epoch_steps=epoch_steps))


def factor(schedule, step, steps, epoch_steps):
    """Share of the learning rate at a step, 0..1."""
    if schedule.name == 'one-cycle':
        return _one_cycle(step, steps, schedule.warm_up)
    if schedule.name == 'cosine':
        return schedule.final + (1 - schedule.final) * _falling(step / steps)
    if schedule.name == 'step':
        return schedule.gamma ** (step // (schedule.every * epoch_steps))
    return 1.0


def _one_cycle(step, steps, warm_up):
    rise = max(int(warm_up * steps), 1)
    if step < rise:
        return 0.04 + 0.96 * step / rise
    return 0.002 + 0.998 * _falling((step - rise) / max(steps - rise, 1))


def _falling(share):
    """From 1 to 0 along half a cosine."""
    return 0.5 * (1 + math.cos(math.pi * min(share, 1)))
