"""What a run works with, from its settings: process, device, model, expert, baseline, reports."""
