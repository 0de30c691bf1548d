"""Predict region labels of real thermograms with an exported network, for `score_regions.py`.

    python -m models.score_real MODEL.onnx MATRICES OUT --chain plateau-1

MATRICES holds NNNN.png, 16-bit, hundredths of a degree Celsius; OUT receives NNNN.png, 8-bit region
ids, 640x480. Real patients are for this report only: nothing here feeds a training or a choice.
"""
from pathlib import Path

import click
import cv2
import numpy as np
import onnxruntime

from service.chains import get_chain
from service.thermogram import Thermogram


def predict(session, chain, celsius):
    """Region ids at the frame's own size and the finding's probability.

    Args:
        session (onnxruntime.InferenceSession): exported network.
        chain (Chain): its preprocessing.
        celsius (numpy.ndarray): float HxW.

    Returns:
        tuple: (uint8 HxW, float).
    """
    prepared = chain.apply(Thermogram.from_celsius(celsius, source='file'))
    labels, _, finding = session.run(['labels', 'confidence', 'finding'], {'thermogram': prepared.tensor})
    return prepared.fit.to_frame(labels[0].astype(np.uint8)), float(finding[0, 0])


@click.command(help=__doc__)
@click.argument('model', type=click.Path(exists=True, dir_okay=False))
@click.argument('matrices', type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument('out', type=click.Path(file_okay=False, path_type=Path))
@click.option('--chain', default='plateau-1', show_default=True,
              help='Preprocess chain the network was trained with.')
def main(model, matrices, out, chain):
    session = onnxruntime.InferenceSession(model, providers=['CPUExecutionProvider'])
    chain = get_chain(chain)
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(matrices.glob('*.png')):
        celsius = cv2.imread(str(path), cv2.IMREAD_UNCHANGED).astype(np.float32) / 100
        labels, _ = predict(session, chain, celsius)
        cv2.imwrite(str(out / path.name), cv2.resize(labels, (640, 480), interpolation=cv2.INTER_NEAREST))


if __name__ == '__main__':
    main()
