"""What every test of the workstation half may count on."""
import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    """A verb that sets the threads of PyTorch sets them for all later tests of the process."""
    yield
    torch.set_num_threads(1)
