"""The waivers themselves: those that have run out, those that speak of nothing."""
