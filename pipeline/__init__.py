"""The contract, its carriers and the services. Knows neither Django nor the database."""
