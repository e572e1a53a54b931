"""What results are worth: reads them, changes nothing."""
