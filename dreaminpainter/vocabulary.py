"""The words that our own tokenizer knows whole, those of the drawn world's captions; others it spells by letters."""

WORDS = frozenset(
    """
    a above an at bare beach boat by cap city clear clouds cloudy critter crown dark day daylight desert drum dry
    evening fall falling feet fine from frowning ground grumpy happily hat head hello high hill in its jumps
    laughing leaps log meadow meadows mountains mouthed night of off on open out over own party photo picture rain
    rainy sea sits skateboard sky smiling snow snowflakes snowy stands street sunset that the top town under up
    waves wearing weather while with without woolly
    """.split()  # noqa: SIM905  a list of quoted words is harder to read
)
