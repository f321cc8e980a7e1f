"""Who may look after the rooms: owners, their sign-ins and their API tokens."""
