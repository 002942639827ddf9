"""What leaves this machine: a model's card, written from the records, and uploads to the Hugging Face Hub."""
