"""The interactive board: Streamlit pages that read, choose and show; nothing is computed in them."""
