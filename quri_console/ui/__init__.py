"""The Textual console: screens and widgets that draw what `render` made of what `console` answered."""
