"""Figures and tables of corrupted and generated texts: section 4 and appendix C of Xia et al. 2023."""
