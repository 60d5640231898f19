"""Parts of networks that every generator shares."""
