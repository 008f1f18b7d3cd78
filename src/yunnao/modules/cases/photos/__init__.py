"""Photos of reports: made safe, kept, read, and published with faces and number plates blurred."""
