"""What the tasks share.

job        what a task works on         result    its rows, metrics and figure, as text, Markdown and JSON
abilities  what a task asks a model for, and which models have it
scores     how strange a model finds an image      detectors   baselines of anomaly detection
detection  AUROC and average precision             search      gradient search over codes
drawings   figures besides grids of images
"""
