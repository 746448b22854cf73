"""The catalogue of events: schemas, examples and pages made from the registered types."""
