"""Parts of games over words: how they are said, judged, rewritten, heard and counted."""
