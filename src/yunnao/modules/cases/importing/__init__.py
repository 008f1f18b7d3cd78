"""Sheets of hotline records (CSV, XLSX) into cases: mapped, previewed, opened in the background."""
