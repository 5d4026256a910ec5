"""How much may be lost: the copies there are, and what each of three ways to lose a server leaves of them."""
