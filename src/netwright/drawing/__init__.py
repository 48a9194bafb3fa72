"""Pictures of architectures: SVG as text, PNG as bytes. No torch here."""
