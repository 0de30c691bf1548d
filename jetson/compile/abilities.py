"""What this TensorRT on this GPU can do, asked of the builder where it still answers."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Abilities:
    """What decides how a precision can be had here.

    Attributes:
        tensorrt (str): its release.
        sm (int): compute capability times ten.
        fp16, int8 (bool): whether the GPU computes in it natively; where it does not, TensorRT builds
            all the same, and what it builds is slower.
        flags (bool): the precision is a flag of the builder; from 11 on it is what the ONNX file says.
        calibrators (bool): INT8 ranges can come from a calibration cache; from 11 on they cannot.
    """

    tensorrt: str
    sm: int
    fp16: bool
    int8: bool
    flags: bool
    calibrators: bool


def read_abilities(trt, builder, sm):
    """The abilities of this machine.

    Args:
        trt (module): tensorrt.
        builder (tensorrt.Builder): of this GPU.
        sm (int): compute capability times ten, asked where the builder no longer answers.
    """
    return Abilities(
        tensorrt=str(trt.__version__),
        sm=sm,
        fp16=bool(getattr(builder, 'platform_has_fast_fp16', _fp16_of(sm))),
        int8=bool(getattr(builder, 'platform_has_fast_int8', _int8_of(sm))),
        flags=hasattr(trt.BuilderFlag, 'FP16'),
        calibrators=hasattr(trt, 'IInt8EntropyCalibrator2') and hasattr(trt.BuilderFlag, 'INT8'),
    )


def _fp16_of(sm):
    """Half precision at twice the rate of single: 5.3, 6.0, 6.2 and from 7.0 on (CUDA C++ Programming Guide,
    table of arithmetic throughput; 6.1 has it at a sixty-fourth).
    """
    return sm in (53, 60, 62) or sm >= 70


def _int8_of(sm):
    """The four-way integer dot product: 6.1, and from 7.0 on (the same table; 5.3 and 6.2 have none)."""
    return sm == 61 or sm >= 70
