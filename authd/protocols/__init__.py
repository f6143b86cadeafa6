"""Pure codecs: bytes in, requests out, and answers as bytes. No input, no output, no clock."""
