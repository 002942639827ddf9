"""Parts of the page as functions from records to markup."""
