"""Files that the back office gives away about claims."""
