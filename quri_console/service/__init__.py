"""What runs beside the screen: the poll loop in its thread, and the operations in their processes."""
