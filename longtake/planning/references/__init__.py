"""References before they are sent: looked at, measured against the limits, made to fit."""
