"""Whether a region comes out too large or too small: Bland and Altman's comparison of two measurements."""
import numpy as np

#: Standard deviations on either side of the mean that hold 95 % of normally distributed differences.
_Z95 = 1.959964


def bland_altman(found, truth):
    """Bias and limits of agreement (Bland and Altman, Lancet 1986).

    Args:
        found, truth (array_like): float N, the two measurements of the same frames, such as a region's
            share of the picture as predicted and as it is.

    Returns:
        dict: ``n``; ``bias``, the mean of found minus truth; ``sd`` of that difference (n - 1); ``limits``,
        the two values between which 95 % of the differences are expected. None where n is too small: a bias
        needs one frame, a spread two.
    """
    differences = np.asarray(found, np.float64) - np.asarray(truth, np.float64)
    n = len(differences)
    if n == 0:
        return {'n': 0, 'bias': None, 'sd': None, 'limits': None}
    bias = float(differences.mean())
    if n == 1:
        return {'n': 1, 'bias': bias, 'sd': None, 'limits': None}
    sd = float(differences.std(ddof=1))
    return {'n': n, 'bias': bias, 'sd': sd, 'limits': [bias - _Z95 * sd, bias + _Z95 * sd]}
