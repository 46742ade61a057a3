"""The `dreaminpainter` command. Nothing heavy is imported before a command is chosen, so that help is quick."""

import errno
import logging
import os
import sys
from difflib import get_close_matches
from importlib import import_module

from dreaminpainter import __version__
from dreaminpainter.errors import DreamInpainterError

COMMANDS = {
    "demo": ("demo", "train the model in the box for a minute more, fill held-out scenes and look at them"),
    "fit": ("training", "train, from layered configs: fit --config configs/quickstart.yaml"),
    "validate": ("training", "the loss of both objectives on the validation samples of a checkpoint"),
    "test": ("training", "the same on the test samples"),
    "predict": ("training", "fill the holes of the test samples and write the pictures into a folder"),
    "prepare": ("prepare", "read a data set once, and keep what training asks for"),
    "caption": ("caption", "write captions of prepared data and of its objects"),
    "caption-export": ("caption", "write the captions of prepared data into a file to edit"),
    "caption-import": ("caption", "bring the edited file back"),
    "doctor": ("doctor", "look at data before an hour of training finds out what is wrong with it"),
    "inpaint": ("inpaint", "fill the hole of one picture with the subject of another"),
    "evaluate": ("evaluate", "methods side by side on the same cases, every figure with its range"),
    "ablate": ("ablate", "a setting varied, each value trained and measured, and what that says"),
    "export": ("export", "write a trained model into a folder that diffusers loads, or onto the hub"),
    "serve": ("serve", "a web page on which a hole is painted by hand"),
}

_FULL = "Make room; the same command goes on with what is done."
_CLOSED = "Change its permissions, or name another file or folder."
_FIXES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), _FULL),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _CLOSED),
}
"""What helps where the system refuses to write."""

HELP = f"""dreaminpainter {__version__}: text-guided, subject-driven image inpainting (arXiv 2312.03771)

usage: dreaminpainter COMMAND [settings]

{chr(10).join(f"  {name:16}{text}" for name, (_, text) in COMMANDS.items())}

  dreaminpainter COMMAND --help            its settings
  dreaminpainter fit --config A --config B --print_config
                                           what two layered configs come to
  dreaminpainter fit --model.selector.help CosineDistance
                                           the settings of one component
  DREAMINPAINTER_DEBUG=1                   show the stack trace of an error
"""


def main(arguments: list[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: what follows `dreaminpainter` on the command line; the process's own where left out.

    Returns:
        0; 1 where the command found something wrong with what it was asked to judge; 2 after an error that the user can
        mend, which is printed without a stack trace.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] in ("-h", "--help"):
        print(HELP)
        return 0
    if arguments[0] == "--version":
        print(__version__)
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        near = get_close_matches(name, COMMANDS)
        return _fail(
            f"There is no command {name!r}. {f'Did you mean {near[0]!r}?' if near else 'See dreaminpainter --help.'}"
        )
    # Logs of the libraries at start-up say nothing to a user of the command.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    logging.getLogger("bitsandbytes.backends").setLevel(logging.ERROR)
    try:
        outcome: object = import_module(f"dreaminpainter.commands.{COMMANDS[name][0]}").run(name, rest)
    except DreamInpainterError as error:
        if os.environ.get("DREAMINPAINTER_DEBUG"):
            raise
        return _fail(_message(error))
    except RuntimeError as error:
        if not _tells_of_a_lost_process(error) or os.environ.get("DREAMINPAINTER_DEBUG"):
            raise
        return _fail(
            f"Another process of this run has ended or is out of reach, so this one ends too: {_first_line(error)}\n"
            "What that one says tells why. The same command goes on with what is done."
        )
    except OSError as error:
        if error.errno not in _FIXES or os.environ.get("DREAMINPAINTER_DEBUG"):
            raise
        return _fail(f"{error.filename or 'A file'}: {error.strerror}. {_FIXES[error.errno]}")
    return outcome if isinstance(outcome, int) else 0


def _message(error: DreamInpainterError) -> str:
    """Its text; of an error that a loader process passed on, without that process's stack trace."""
    return str(error).rpartition(f"{type(error).__name__}: ")[2].strip()


def _tells_of_a_lost_process(error: RuntimeError) -> bool:
    """Whether torch.distributed raised it; told without torch, which may not be imported."""
    return "gloo/transport" in str(error) or "DistError" in {kind.__name__ for kind in type(error).__mro__}


def _first_line(error: RuntimeError) -> str:
    return str(error).partition("\n")[0].partition(". ")[0] + "."


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2
