"""Gradio's fonts and colours, which reach WCAG AA in light and dark; ours are in `page.css`."""

import gradio as gr

SYSTEM_FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
MONO_FONTS = ["ui-monospace", "Consolas", "monospace"]


def theme() -> gr.themes.Base:
    """Gradio's plain theme in the page's colours."""
    return gr.themes.Base(
        primary_hue=gr.themes.colors.cyan,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_sm,
        font=SYSTEM_FONTS,
        font_mono=MONO_FONTS,
    ).set(
        button_primary_background_fill="#0f5c6e",
        button_primary_background_fill_hover="#0b4856",
        button_primary_background_fill_dark="#17788f",
        button_primary_background_fill_hover_dark="#1c8aa4",
        button_primary_border_color="#0f5c6e",
        button_primary_border_color_dark="#17788f",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#ffffff",
        body_background_fill="#f6f8f9",
        body_background_fill_dark="#12181d",
        block_label_text_color="#3d4852",
        block_label_text_color_dark="#cfd8df",
        block_title_text_color="#3d4852",
        block_title_text_color_dark="#cfd8df",
        checkbox_background_color_selected="#0f5c6e",
        checkbox_background_color_selected_dark="#17788f",
        checkbox_border_color_selected="#0f5c6e",
        checkbox_border_color_selected_dark="#17788f",
        checkbox_border_color="#76828d",
        checkbox_border_color_dark="#8a97a3",
        input_border_color="#8a949d",
        input_border_color_dark="#6b7782",
        input_border_width="1px",
        input_background_fill="#ffffff",
        input_background_fill_dark="#1a2228",
        block_info_text_color="#55606b",
        block_info_text_color_dark="#a9b4bf",
    )
