"""One file a revision, oldest first. They may not import the tables: a revision describes the schema as it was then."""
