"""What the page tells in words and bars: HTML of a few lines, without scripts."""

from html import escape

IDLE = '<div class="di-status">Ready.</div>'
STOPPED = '<div class="di-status">Stopped.</div>'
FAILED = '<div class="di-status">That did not work.</div>'
WAITING = '<div class="di-status">Starting …</div>'


def progress(what: str, done: int, steps: int) -> str:
    """A bar of `done` of `steps`."""
    bar = f'<progress value="{done}" max="{steps}" aria-label="progress"></progress>'
    return f'<div class="di-status"><span>{escape(what)}</span><span>{done} of {steps}</span>{bar}</div>'


def finished(what: str, notes: tuple[str, ...]) -> str:
    """That it is done, and what the asker should know."""
    told = "".join(f'<p class="di-note">{escape(note)}</p>' for note in notes)
    return f'<div class="di-status di-done"><span>{escape(what)}</span></div>{told}'


def shares(reference: float) -> str:
    """How the hole's attention is divided, as a bar of two parts.

    Args:
        reference: the reference's share, 0 to 1.
    """
    percent = round(100 * reference)
    return (
        '<div class="di-shares"><div class="di-bar">'
        f'<div class="di-reference" style="width:{percent}%"></div><div class="di-text"></div></div>'
        f'<div class="di-legend"><span><i class="di-reference"></i>reference {percent} %</span>'
        f'<span><i class="di-text"></i>text {100 - percent} %</span></div></div>'
    )
