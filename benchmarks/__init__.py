"""What the product is measured on, beyond its own tests."""
