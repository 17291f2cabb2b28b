"""What a clip is worth: the checks of the gate, drift between links of a chain, echoes of the clip before."""
