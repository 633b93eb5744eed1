"""The few modules that two scripts need."""
