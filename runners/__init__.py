"""Running untrusted algorithm containers; knows nothing of contests."""
