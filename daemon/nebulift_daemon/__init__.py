"""What runs all night: watches capture folders, has frames judged, files them, and answers for it."""
