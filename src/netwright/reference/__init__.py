"""Published networks for images to compare with, one readable file of plain torch modules each.

Every constructor samples the first weights from torch's global generator, as its paper says.
"""
