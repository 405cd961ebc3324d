"""Arguments of the command line, its help and its completion."""

import argparse
import sys
from importlib.util import find_spec

from ..persistence.file_format import versions
from . import _evaluating, _info, _models, _separating, _training
from ._messages import Messages

DESCRIPTION = """\
Separate recordings into their components (sources), with models trained on
recordings whose components are known.
"""
EPILOG = """\
example, from recordings to their parts:
  sklearn-cass train mixtures/ bassoon/ saxophone/ -o duo.safetensors
  sklearn-cass separate duo.safetensors concert.wav -o parts/

sklearn-cass COMMAND --help tells more of a command.
"""
TRAIN = """\
Train a model on recordings of mixtures and of their components.

MIXTURES and each of COMPONENTS are folders of WAV, FLAC, NumPy (.npy), EDF or
WFDB (.hea) files; files of one mixture and its components have the same stem.
Components have the names of their folders, or are named by NAME=FOLDER.
Recordings are cut into windows.
"""
TRAIN_EPILOG = """\
examples:
  sklearn-cass train mixtures/ bassoon/ saxophone/ -o duo.safetensors
  sklearn-cass train mixtures/ vocals=stems/a/ rest=stems/b/ -o song.safetensors \\
      --sfreq 22050 --epochs 30 --validation 0.1
  sklearn-cass train --sum bassoon/ saxophone/ -o duo.safetensors
  sklearn-cass train --isolated mother/ fetus/ -o ecg.safetensors --window 4s
  sklearn-cass train mixtures/ a/ b/ -o model.safetensors --estimator cass \\
      --set cross_weights=0.3 --set network__n_filters=8 --checkpoint states/
"""
SEPARATE = """\
Separate recordings of any length, rate and number of channels.

The estimates are written to FOLDER/STEM/COMPONENT, in the recording's format
and rate. Each channel is separated by itself, unless the model was trained on
several at once. Files appear when they are complete.
"""
SEPARATE_EPILOG = """\
examples:
  sklearn-cass separate duo.safetensors concert.wav -o parts/
  sklearn-cass separate duo.safetensors *.flac -o parts/ --jobs 2
  sklearn-cass separate ecg.safetensors r01.edf -o parts/ --channel Abdomen_1
  sklearn-cass separate duo.safetensors recordings/ -o parts/ --dry-run
"""
EVALUATE = """\
Measure a model on recordings whose components are known.

Recordings are separated as a whole and compared in windows of the model's
length. Beside the model stand estimates that know nothing: the mixture itself,
and silence. Windows in which a component is silent do not count for it.
"""
EVALUATE_EPILOG = """\
examples:
  sklearn-cass evaluate duo.safetensors mixtures/ bassoon/ saxophone/
  sklearn-cass evaluate duo.safetensors mix.wav bassoon=a.wav saxophone=b.wav
  sklearn-cass evaluate duo.safetensors mixtures/ bassoon/ saxophone/ --json
"""
REPORT = """\
Write a report of models on one page: errors, pictures and, for sound, players.
"""
REPORT_EPILOG = """\
examples:
  sklearn-cass report duo.safetensors -o report.html --mixtures mixtures/ \\
      --components bassoon/ saxophone/
  sklearn-cass report a.safetensors b.safetensors -o report.html \\
      --mixtures mixtures/
"""
INFO = """\
Tell what a model is: class, parameters, components, rate, window, size,
versions. Its weights are not read.
"""
INFO_EPILOG = """\
examples:
  sklearn-cass info duo.safetensors
  sklearn-cass info duo.safetensors --json
"""
MODELS = """\
List the models that ship with this release; their names stand for MODEL in the
other commands.
"""
MODELS_EPILOG = """\
example:
  sklearn-cass models
"""


class Parser(argparse.ArgumentParser):
    """Parser whose errors are one line."""

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


class PrintCompletion(argparse.Action):
    """Option that prints the completion for a shell, by shtab."""

    def __call__(self, parser, namespace, shell, option_string=None):
        if find_spec("shtab") is None:
            extra = 'pip install "sklearn-cass[completion]"'
            parser.exit(1, f"{parser.prog}: error: completion needs shtab: {extra}\n")
        import shtab

        if shell not in shtab.SUPPORTED_SHELLS:
            known = ", ".join(shtab.SUPPORTED_SHELLS)
            parser.error(f"{option_string} must be one of {known}, got {shell}")
        print(shtab.complete(parser, shell))
        parser.exit(0)


def make_parser():
    """Return the parser of the command line."""
    parser = Parser(
        "sklearn-cass",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    version = versions()["sklearn-cass"]
    parser.add_argument("--version", action="version", version=f"%(prog)s {version}")
    parser.add_argument(
        "--print-completion",
        action=PrintCompletion,
        metavar="SHELL",
        help="print the completion for bash, zsh or another shell, and exit",
    )
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, parser_class=Parser
    )
    for add in (
        add_train,
        add_separate,
        add_evaluate,
        add_report,
        add_info,
        add_models,
    ):
        add(commands)
    return parser


def completed(argument, kind):
    """Mark an argument as a file or folder, for completion."""
    argument.complete = {
        "bash": f"_shtab_compgen_{kind}s",
        "zsh": {"file": "_files", "dir": "_files -/"}[kind],
        "tcsh": kind[0],
    }
    return argument


def add_command(commands, name, run, summary, description, epilog):
    """Add a command with the options that all have."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run, jobs=1)
    group = parser.add_argument_group("messages")
    group.add_argument("-q", "--quiet", action="store_true", help="print errors alone")
    group.add_argument("-v", "--verbose", action="store_true", help="print more lines")
    group.add_argument(
        "--debug", action="store_true", help="print the traceback of an error"
    )
    return parser


# Options of several commands ---------------------------------------------------------


def add_model(parser, nargs=None, name="model"):
    completed(
        parser.add_argument(
            name, metavar="MODEL", nargs=nargs, help="file of a model, or its name"
        ),
        "file",
    )


def add_reading(parser, sfreq_help):
    parser.add_argument("--sfreq", type=positive, metavar="HZ", help=sfreq_help)
    parser.add_argument(
        "--channel",
        metavar="CHANNEL",
        help="name or number (from 0) of a channel, 'mean' or 'all'",
    )


def add_force(parser):
    parser.add_argument("--force", action="store_true", help="replace existing files")


def positive(text):
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be above 0, got {text}")
    return value


def fraction(text):
    value = float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 0 and below 1, got {text}")
    return value


def count(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {text}")
    return value


def number_of_jobs(text):
    value = int(text)
    if value == 0:
        raise argparse.ArgumentTypeError("must not be 0; -1 takes all cores")
    return value


NPY_RATE = "rate of .npy files, which do not tell it"

# Commands ----------------------------------------------------------------------------


def add_train(commands):
    summary = "train a model on recordings"
    parser = add_command(commands, "train", _training.run, summary, TRAIN, TRAIN_EPILOG)
    parser.usage = (
        "sklearn-cass train MIXTURES COMPONENTS... -o MODEL [options]\n"
        "       sklearn-cass train --sum COMPONENTS... -o MODEL [options]\n"
        "       sklearn-cass train --isolated FOLDER... -o MODEL [options]"
    )
    completed(
        parser.add_argument(
            "folders",
            metavar="FOLDER",
            nargs="+",
            help="mixtures, then each component; components alone with --sum or "
            "--isolated",
        ),
        "dir",
    )
    output = parser.add_argument(
        "-o", "--output", metavar="MODEL", required=True, help="file to write"
    )
    completed(output, "file")
    add_force(parser)
    add_data_options(parser)
    add_training_options(parser)


def add_data_options(parser):
    group = parser.add_argument_group("data")
    group.add_argument(
        "--sum",
        action="store_true",
        help="there are no mixtures: they are the sums of the components",
    )
    group.add_argument(
        "--isolated",
        action="store_true",
        help="recordings of components that do not belong together: mixtures are "
        "drawn from them",
    )
    group.add_argument(
        "--window",
        metavar="LENGTH",
        help="length of a window in time points, or in seconds as 0.5s (default: 1s "
        "from 8,000 Hz on, else 1024)",
    )
    group.add_argument(
        "--hop",
        metavar="LENGTH",
        help="distance between windows (default: the window)",
    )
    add_reading(
        group,
        "rate of the model: recordings of other rates are resampled, .npy files have "
        "this rate (default: that of the first recording)",
    )
    group.add_argument(
        "--validation",
        type=fraction,
        metavar="SHARE",
        help="share of recordings to leave out, and to measure the model on",
    )


def add_training_options(parser):
    group = parser.add_argument_group("training")
    group.add_argument(
        "--estimator",
        choices=list(_training.ESTIMATORS),
        default="ae",
        help="method (default: %(default)s, autoencoder pairs)",
    )
    group.add_argument(
        "--epochs", type=count, metavar="N", help="passes through the windows"
    )
    group.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="parameter of the estimator's constructor, such as network__n_filters=8 "
        "or network=bilstm; several times",
    )
    group.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed (default: %(default)s)"
    )
    completed(
        group.add_argument(
            "--checkpoint",
            metavar="FOLDER",
            help="where to save the state of the training after each epoch; the same "
            "command resumes it",
        ),
        "dir",
    )
    group.add_argument("--device", help="device to compute on, such as cpu or cuda")


def add_separate(commands):
    summary = "separate recordings into their components"
    parser = add_command(
        commands, "separate", _separating.run, summary, SEPARATE, SEPARATE_EPILOG
    )
    add_model(parser)
    completed(
        parser.add_argument(
            "recordings",
            metavar="RECORDING",
            nargs="+",
            help="file, or folder of files",
        ),
        "file",
    )
    output = parser.add_argument(
        "-o", "--output", metavar="FOLDER", required=True, help="folder of estimates"
    )
    completed(output, "dir")
    add_force(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would be written"
    )
    parser.add_argument(
        "--jobs",
        type=number_of_jobs,
        metavar="N",
        help="recordings to separate at the same time (default: 1; -1: one a core)",
    )
    parser.add_argument(
        "--polarity",
        choices=["given", "auto", "both"],
        default="given",
        help="sign of channels: as given, the one that the model knows (auto), or the "
        "mean of the estimates of both (default: %(default)s)",
    )
    add_reading(parser, NPY_RATE)


def add_evaluate(commands):
    summary = "measure a model on known components"
    parser = add_command(
        commands, "evaluate", _evaluating.run, summary, EVALUATE, EVALUATE_EPILOG
    )
    add_model(parser)
    completed(
        parser.add_argument(
            "mixtures", metavar="MIXTURES", help="folder of mixtures, or one file"
        ),
        "dir",
    )
    completed(
        parser.add_argument(
            "components",
            metavar="COMPONENT",
            nargs="+",
            help="folder of each component, or NAME=FOLDER",
        ),
        "dir",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_reading(parser, NPY_RATE)


def add_report(commands):
    summary = "write a report of models as a page"
    parser = add_command(
        commands, "report", _evaluating.run_report, summary, REPORT, REPORT_EPILOG
    )
    add_model(parser, "+", "models")
    for option, nargs, text in (
        ("--mixtures", None, "folder of mixtures, or one file"),
        ("--components", "+", "folder of each component, or NAME=FOLDER"),
    ):
        argument = parser.add_argument(
            option,
            nargs=nargs,
            metavar=option[2:].rstrip("s").upper(),
            required=option == "--mixtures",
            help=text,
        )
        completed(argument, "dir")
    output = parser.add_argument(
        "-o", "--output", metavar="PAGE", required=True, help="HTML file to write"
    )
    completed(output, "file")
    parser.add_argument(
        "--max-windows",
        type=count,
        default=200,
        metavar="N",
        help="windows to use, from all over the recordings (default: %(default)s)",
    )
    add_force(parser)
    add_reading(parser, NPY_RATE)


def add_info(commands):
    summary = "tell what a model is"
    parser = add_command(commands, "info", _info.run, summary, INFO, INFO_EPILOG)
    add_model(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_models(commands):
    summary = "list the models that ship"
    add_command(commands, "models", _models.run, summary, MODELS, MODELS_EPILOG)


def messages_of(args):
    """Return the messages for the level of detail that arguments ask for."""
    return Messages(0 if args.quiet else 2 if args.verbose else 1)


def parse(argv=None):
    """Return parsed arguments; errors and help end with SystemExit."""
    return make_parser().parse_args(sys.argv[1:] if argv is None else argv)
