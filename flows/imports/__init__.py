"""Parts of the flow that imports results of other programs."""
