"""What every run works with, whoever starts it: process, device, model, expert, baseline, reports; no pytest here."""
