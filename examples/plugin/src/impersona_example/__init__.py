# SPDX-License-Identifier: Apache-2.0
"""Two plugins for impersona: the generator `half_and_half` and the recognizer `average_colour`."""
