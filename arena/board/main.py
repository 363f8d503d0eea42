"""The script that Streamlit runs for every visit and every choice."""

from arena.board import shell

if __name__ == "__main__":
    shell.run()
