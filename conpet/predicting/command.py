"""`conpet predict`: texts in, a table out."""

from __future__ import annotations

import argparse
import sys

from conpet.errors import UserError
from conpet.files import write_text
from conpet.predicting.outside import read_texts
from conpet.predicting.predictor import load


def predict(args: argparse.Namespace) -> None:
    """Classify the texts given; print CSV, or write it whole."""
    if bool(args.text) == bool(args.file):
        raise UserError("predict: give either --text (once or more) or a file")
    texts = args.text or read_texts(args.file, args.column)
    predictor = load(
        args.run,
        snapshot=args.snapshot,
        mirror=args.mirror,
        device=args.device,
        precision=args.precision,
        threads=args.threads,
    )
    threshold = args.threshold if args.threshold is not None else args.refuse
    frame = predictor.predict(texts, threshold).frame(args.probabilities)
    frame.insert(0, "text", texts)
    written = frame.to_csv(index=False, lineterminator="\n")
    if args.out:
        write_text(args.out, written)
    else:
        sys.stdout.write(written)
