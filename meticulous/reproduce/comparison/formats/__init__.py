"""Files of known formats compared by what they hold, when their bytes differ."""
