from proapi import ProAPI
app = ProAPI()

@app.websocket("/ws")
async def websocket_handler(websocket):
    await websocket.accept()
    while True:
        message = await websocket.receive_text()
        await websocket.send_text(f"Echo: {message}")

if __name__ == "__main__":
    app.run()
