int jobq_placeholder;
