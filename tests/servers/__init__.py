# SPDX-License-Identifier: GPL-2.0-or-later
"""The FTP servers that the tests talk to: real ones (real.py) and one that does as it is told (scripted.py)."""
