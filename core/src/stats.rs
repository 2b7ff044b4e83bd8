//! Statistics for reports: binomial intervals, medians, histograms.
