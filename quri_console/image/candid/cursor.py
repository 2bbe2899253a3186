"""Reading the words of a Candid text one after the other, with errors that name the line."""

from __future__ import annotations

from dataclasses import dataclass

from quri_console.image.candid.tokens import KEYWORDS, Sort, Token, UnusableInterface, describe, tokens, unusable_at


@dataclass(slots=True)
class Cursor:
    """A position among the words; it never moves past the END."""

    source: str
    words: list[Token]
    position: int = 0

    @classmethod
    def over(cls, source: str) -> Cursor:
        """At the first word of the text; raises UnusableInterface for what is no word."""
        return cls(source, tokens(source))

    @property
    def word(self) -> Token:
        return self.words[self.position]

    @property
    def at_end(self) -> bool:
        return self.word.sort is Sort.END

    @property
    def at_label(self) -> bool:
        """Whether a colon follows the present word."""
        return not self.at_end and self.words[self.position + 1][:2] == (Sort.SIGN, ":")

    def at(self, sign: str) -> bool:
        return self.word[:2] == (Sort.SIGN, sign)

    def at_keyword(self, keyword: str) -> bool:
        return self.word[:2] == (Sort.WORD, keyword)

    def take(self) -> Token:
        word = self.word
        if not self.at_end:
            self.position += 1
        return word

    def accept(self, sign: str) -> bool:
        """Step over the sign if it comes next."""
        if not self.at(sign):
            return False
        self.position += 1
        return True

    def accept_keyword(self, keyword: str) -> bool:
        """Step over the keyword if it comes next, unquoted."""
        if not self.at_keyword(keyword):
            return False
        self.position += 1
        return True

    def expect(self, sign: str) -> None:
        if not self.accept(sign):
            raise self.error(self.word, f"{sign!r} is missing before {describe(self.word)}")

    def separate(self, separator: str, end: str) -> None:
        """Step over what stands between the members of a list; after the last one it may be left out."""
        if not self.at(end):
            self.expect(separator)

    def identifier(self) -> Token:
        """The name of a type: no keyword and not quoted."""
        word = self.take()
        if word.sort is not Sort.WORD or word.text in KEYWORDS:
            raise self.error(word, f"{describe(word)} stands where the name of a type should")
        return word

    def name(self) -> Token:
        """The name of a field, argument or method, quoted or not."""
        return self.take() if self.word.sort is Sort.TEXT else self.identifier()

    def error(self, word: Token, why: str) -> UnusableInterface:
        return unusable_at(self.source, word.offset, why)
