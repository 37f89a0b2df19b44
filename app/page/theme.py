"""Gradio's fonts and colours, which reach WCAG AA in light and dark; ours are in `page.css`."""

import gradio as gr

COLOURS = {  # light and dark
    "button_primary_background_fill": ("#0f5c6e", "#17788f"),
    "button_primary_background_fill_hover": ("#0b4856", "#1c8aa4"),
    "button_primary_border_color": ("#0f5c6e", "#17788f"),
    "button_primary_text_color": ("#ffffff", "#ffffff"),
    "body_background_fill": ("#f6f8f9", "#12181d"),
    "block_label_text_color": ("#3d4852", "#cfd8df"),
    "block_title_text_color": ("#3d4852", "#cfd8df"),
    "block_info_text_color": ("#55606b", "#a9b4bf"),
    "checkbox_background_color_selected": ("#0f5c6e", "#17788f"),
    "checkbox_border_color_selected": ("#0f5c6e", "#17788f"),
    "checkbox_border_color": ("#76828d", "#8a97a3"),
    "input_border_color": ("#8a949d", "#6b7782"),
    "input_background_fill": ("#ffffff", "#1a2228"),
}


def theme() -> gr.themes.Base:
    """Gradio's plain theme in the page's colours."""
    plain = gr.themes.Base(
        primary_hue=gr.themes.colors.cyan,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_sm,
        font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"],
        font_mono=["ui-monospace", "Consolas", "monospace"],
    )
    light = {name: colour for name, (colour, _) in COLOURS.items()}
    dark = {f"{name}_dark": colour for name, (_, colour) in COLOURS.items()}
    return plain.set(input_border_width="1px", **light, **dark)
