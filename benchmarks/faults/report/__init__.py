"""The half on which figures are reported; whoever sets a threshold does not look here."""
