"""This package defines multiple-choice tasks, and reads them from files and from other packages."""
