"""Content Credentials (C2PA): films signed as made by AI, and what a film's file claims read and checked."""
