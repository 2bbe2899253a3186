"""What is known about the fleet: polled, judged and put into words."""
