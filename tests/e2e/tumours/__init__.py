"""A second data set, of another field, that runs through the same components: Wisconsin breast tumours.

scikit-learn ships the rows (569 tumours, 30 measurements each, benign or malignant).
"""
